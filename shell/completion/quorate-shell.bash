# bash completion for quorate-shell; made by: quorate-shell -print bash
_quorate_shell() {
  # Not COMP_WORDS, which are cut at the colon of host:port.
  local line i word command= connect=() words=
  read -ra line <<<"${COMP_LINE:0:COMP_POINT}"
  [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && line+=('')
  local last=$((${#line[@]} - 1))
  local current=${line[last]} previous=${line[last-1]}
  for ((i = 1; i < last; i++)); do
    word=${line[i]}
    case $word in
      -server|--server|-client-configuration|--client-configuration|-ca|--ca|-cert|--cert|-key|--key|-key-password-file|--key-password-file)
        connect+=("$word" "${line[i+1]}"); i=$((i + 1)) ;;
      -r|--r|-tls|--tls|-any-host|--any-host) connect+=("$word") ;;
      -timeout|--timeout|-connect-timeout|--connect-timeout|-sasl-user|--sasl-user|-sasl-password-file|--sasl-password-file|-f|--f|-print|--print) i=$((i + 1)) ;;
      -*) ;;
      *) command=$word; break ;;
    esac
  done
  case $previous in
    -client-configuration|--client-configuration|-ca|--ca|-cert|--cert|-key|--key|-key-password-file|--key-password-file|-sasl-password-file|--sasl-password-file|-f|--f) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -print|--print) COMPREPLY=($(compgen -W 'man bash zsh' -- "$current")); return ;;
  esac
  case $command in
    '') if [[ $current == -* ]]; then words='-server -timeout -connect-timeout -r -waitforconnection -client-configuration -tls -ca -cert -key -key-password-file -any-host -sasl-user -sasl-password-file -f -stop-on-error -y -json -no-colour -zkcli -help -version -print'
        else words='addWatch addauth cd close config connect cp create delete deleteall delquota diff du edit ensemble ephemerals export find get getAcl getAllChildrenNumber getEphemerals grep help history import listquota ls ls2 mv printwatches pwd quit reconfig redo removewatches rmr sessions set setAcl setquota stat sync tree txn version watch whoami why'; fi ;;
    addWatch) words='--json -m' ;;
    addauth) words='--json' ;;
    cd) words='--json' ;;
    close) words='--json' ;;
    config) words='--json -c -w -s' ;;
    connect) words='--json' ;;
    cp) words='--json -to -f -n' ;;
    create) words='--json -s -e -c -t -b' ;;
    delete) words='--json -v' ;;
    deleteall) words='--json -b -y -n' ;;
    delquota) words='--json -n -b -N -B' ;;
    diff) words='--json -to -a -d' ;;
    du) words='--json -d -h' ;;
    edit) words='--json' ;;
    ensemble) words='--json' ;;
    ephemerals) words='--json' ;;
    export) words='--json -resume' ;;
    find) words='--json -name -value -size -e' ;;
    get) words='--json -s -w -h -b -x -a' ;;
    getAcl) words='--json -s' ;;
    getAllChildrenNumber) words='--json' ;;
    getEphemerals) words='--json' ;;
    grep) words='--json -i -l -E' ;;
    help) words='--json' ;;
    history) words='--json' ;;
    import) words='--json -n -f -resume -b' ;;
    listquota) words='--json' ;;
    ls) words='--json -s -w -R' ;;
    ls2) words='--json -w' ;;
    mv) words='--json -to -n' ;;
    printwatches) words='--json' ;;
    pwd) words='--json' ;;
    quit) words='--json' ;;
    reconfig) words='--json -s -v -file -members -add -remove' ;;
    redo) words='--json' ;;
    removewatches) words='--json -c -d -p -r -a -l' ;;
    rmr) words='--json -b -y -n' ;;
    sessions) words='--json' ;;
    set) words='--json -s -v -b' ;;
    setAcl) words='--json -s -v -R' ;;
    setquota) words='--json -n -b -N -B' ;;
    stat) words='--json -w -h' ;;
    sync) words='--json' ;;
    tree) words='--json -d -c' ;;
    txn) words='--json' ;;
    version) words='--json' ;;
    watch) words='--json -d -n' ;;
    whoami) words='--json' ;;
    why) words='--json' ;;
  esac
  if [[ -n $command && $current == /* ]]; then
    local parent=${current%/*} name
    while IFS= read -r name; do words+=" ${parent%/}/$name"; done < <(
      quorate-shell "${connect[@]}" -connect-timeout 500 ls "${parent:-/}" 2>/dev/null |
        sed 's/^\[//; s/\]$//; s/, /\n/g')
    compopt -o nospace 2>/dev/null
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _quorate_shell quorate-shell
