// vxlane completion: a script for the shell, which asks `vxlane __complete` for what may come next. So the shells know
// nothing of vxlane's commands, and an upgrade needs no new script.

import { Argument, type Command } from "commander";

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print the script that completes commands in a shell")
    .addArgument(new Argument("<shell>", "whose").choices(["bash", "zsh"]))
    .addHelpText(
      "after",
      `
It completes commands and options, and VNIs, ports and VTEPs if the daemon
answers.

Examples:
  vxlane completion bash > /etc/bash_completion.d/vxlane
  vxlane completion zsh > /usr/share/zsh/vendor-completions/_vxlane
  source <(vxlane completion bash)    # in this shell only`,
    )
    .action(printScript);
  program
    .command("__complete", { hidden: true })
    .argument("[words...]", "the words after the command's name, up to the one that is being written")
    .helpOption(false)
    .action((words: string[]) => printCandidates(program, words));
}

async function printScript(shell: "bash" | "zsh"): Promise<void> {
  const { SCRIPTS } = await import("../completion/scripts.js");
  process.stdout.write(SCRIPTS[shell]);
}

/** A line each: what may stand there, a tab, and what it is. */
async function printCandidates(program: Command, words: string[]): Promise<void> {
  const { complete } = await import("../completion/complete.js");
  const candidates = await complete(program, words);
  process.stdout.write(candidates.map(({ text, about }) => `${text}\t${about}\n`).join(""));
}
