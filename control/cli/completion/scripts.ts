// The shells' halves of completion: each hands the words up to the cursor to `vxlane __complete` and shows its answer.
// A single `:files` in the answer means that the shell's own completion of file names fits here.

// Bash cuts words at colons (COMP_WORDBREAKS), and MACs and IPv6 addresses are full of them. So the words are cut here
// at white space, and of each candidate only what follows the last colon before the cursor goes to readline.
const BASH = `# bash completion of vxlane; printed by: vxlane completion bash
_vxlane() {
  local line="\${COMP_LINE:0:COMP_POINT}" current= text about
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]} - 1]}"
  local before=
  [[ $current == *:* && $COMP_WORDBREAKS == *:* ]] && before="\${current%:*}:"
  [[ $current == *=* && $before != *=* && $COMP_WORDBREAKS == *=* ]] && before="\${current%%=*}="
  COMPREPLY=()
  while IFS=$'\\t' read -r text about; do
    if [[ $text == :files || $text == *=:files ]]; then
      compopt -o default 2> /dev/null
      return
    fi
    COMPREPLY+=("\${text#"$before"}")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]:1}" 2> /dev/null)
}
complete -F _vxlane vxlane
`;

const ZSH = `#compdef vxlane
# zsh completion of vxlane; printed by: vxlane completion zsh
_vxlane() {
  local line text about
  local -a candidates
  for line in "\${(@f)$("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT]}" 2> /dev/null)}"; do
    text="\${line%%$'\\t'*}" about="\${line#*$'\\t'}"
    case $text in
      '') continue ;;
      :files) _files; return ;;
      *=:files) compset -P '*='; _files; return ;;
    esac
    candidates+=("\${text//:/\\\\:}\${about:+:$about}")
  done
  _describe vxlane candidates
}
if [[ \${funcstack[1]} == _vxlane ]]; then
  _vxlane "$@"
elif (( $+functions[compdef] )); then
  compdef _vxlane vxlane
fi
`;

export const SCRIPTS = { bash: BASH, zsh: ZSH } as const;
