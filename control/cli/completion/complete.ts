// What may come next on a command line. Commands, options and choices are read from the program itself, so they cannot
// differ from what it takes; what an argument's or option's name says is a VNI, a port or a VTEP, the daemon is asked for.
//
// Nothing here may fail or be slow: a daemon that does not answer at once means no candidates.

import type { Argument, Command, Option } from "commander";
import { collect, type DaemonOptions } from "../options.js";
import { type Candidate, valuesOf } from "./values.js";

/** Instead of candidates: the shell completes file names here. */
const FILES: Candidate = { text: ":files", about: "" };

/** Names of arguments and options that are files. */
const FILE_KINDS = new Set(["file", "path", "before", "after"]);

/** What has been written before the word that is being completed. */
export interface Line {
  readonly command: Command;
  readonly operands: readonly string[];
  /** By their long name. */
  readonly options: Readonly<Record<string, string>>;
}

/** @param words what stands after the program's name; the last one, which may be empty, is being written */
export async function complete(program: Command, words: readonly string[]): Promise<Candidate[]> {
  const { line, awaited } = read(program, words.slice(0, -1));
  const current = words.at(-1) ?? "";
  const written = /^(--[^=]+)=(.*)$/s.exec(current);
  const inlined = written?.[1] === undefined ? undefined : findOption(line.command, written[1]);
  if (inlined !== undefined) {
    const candidates = await candidatesFor(inlined, line);
    return startingWith(candidates, written?.[2] ?? "").map(({ text, about }) => ({
      text: `${inlined.long}=${text}`,
      about,
    }));
  }
  if (awaited !== undefined) return startingWith(await candidatesFor(awaited, line), current);
  if (current.startsWith("-")) return startingWith(optionsOf(line), current);
  return startingWith([...commandsOf(line), ...(await argumentOf(line))], current);
}

/** Follows the words from command to subcommand. `awaited`: an option that still wants its value. */
function read(program: Command, words: readonly string[]): { line: Line; awaited?: Option } {
  let command = program;
  const operands: string[] = [];
  const options: Record<string, string> = {};
  let awaited: Option | undefined;
  for (const word of words) {
    if (awaited !== undefined) {
      options[awaited.attributeName()] = word;
      awaited = undefined;
    } else if (word.startsWith("-") && word !== "-") {
      const [name = "", value] = word.split("=", 2);
      const option = findOption(command, name);
      if (option === undefined) continue;
      if (value !== undefined) options[option.attributeName()] = value;
      else if (option.required) awaited = option;
      else options[option.attributeName()] = "";
    } else {
      const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (next === undefined) operands.push(word);
      else command = next;
    }
  }
  return { line: { command, operands, options }, ...(awaited === undefined ? {} : { awaited }) };
}

function findOption(command: Command, name: string): Option | undefined {
  return command.options.find(({ long, short }) => name === long || name === short);
}

function commandsOf({ command, operands }: Line): Candidate[] {
  if (operands.length > 0) return [];
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((each) => ({ text: each.name(), about: each.description() }));
}

/** All that may still be given. */
function optionsOf({ command, options }: Line): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible.flatMap((option) => {
    const isGiven = Object.hasOwn(options, option.attributeName()) && option.parseArg !== collect;
    return option.long == null || isGiven ? [] : [{ text: option.long, about: oneLine(option.description) }];
  });
}

async function argumentOf(line: Line): Promise<Candidate[]> {
  const wanted = line.command.registeredArguments;
  const last = wanted.at(-1);
  const argument = wanted[line.operands.length] ?? (last?.variadic ? last : undefined);
  if (argument === undefined) return [];
  // What is about to be added, nobody knows yet.
  const isNew = line.command.name() === "add" && line.operands.length === wanted.length - 1;
  return isNew ? [] : candidatesFor(argument, line);
}

async function candidatesFor(wanted: Argument | Option, line: Line): Promise<Candidate[]> {
  if (wanted.argChoices !== undefined) return wanted.argChoices.map((text) => ({ text, about: "" }));
  const kind = "flags" in wanted ? /<(.*)>/.exec(wanted.flags)?.[1] : wanted.name();
  if (FILE_KINDS.has(kind ?? "")) return [FILES];
  return valuesOf(kind ?? "", line.operands[0] ?? line.options.vni, line.options as DaemonOptions);
}

function startingWith(candidates: readonly Candidate[], start: string): Candidate[] {
  return candidates.filter((candidate) => candidate === FILES || candidate.text.startsWith(start));
}

function oneLine(text: string): string {
  return text.replaceAll("\n", " ");
}
