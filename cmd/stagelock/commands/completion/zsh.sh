#compdef stagelock
# zsh completion of stagelock: stagelock completion zsh > "${fpath[1]}/_stagelock"
_stagelock() {
  local -a opts
  if [[ "${words[CURRENT]}" == -* ]]; then
    opts=("${(@f)$(${words[1,CURRENT]} --generate-bash-completion 2>/dev/null)}")
  else
    opts=("${(@f)$(${words[1,CURRENT-1]} --generate-bash-completion 2>/dev/null)}")
  fi
  if [[ -n "${opts[1]}" ]]; then _describe 'values' opts; else _files; fi
}
compdef _stagelock stagelock
