#compdef ovs-port-agent
# zsh completion for ovs-port-agent

_ovs-port-agent() {
  local -a verbs=(
    'run:run the agent in the foreground'
    'status:what the agent drives, and what is wrong'
    'doctor:what this host needs, and what to do about what is wrong'
    'explain:what is known of a port, and what is wrong with it'
    'list:the ports of guests'
    'events:events as they come in'
    'reconcile:compare wish and switch now, and repair'
    'name:the port name of a container'
    'create-interface:attach a container by hand'
    'remove-interface:detach a port by hand'
    'introspect:bridges, their ports and whose they are'
    'proxmox:enroll, unenroll or status of Proxmox guests; the interfaces file'
    'netmaker:the Netmaker containers of this host'
    'ledger:verify, show, tail or stats'
  )
  _arguments -C '1: :->verb' '2: :->second' '3: :->third' '*: :' '--json[print JSON]' '--help[show help]'
  case $state in
    verb) _describe verb verbs ;;
    second)
      [[ $words[2] == ledger ]] && _values 'ledger verb' verify show tail stats
      [[ $words[2] == proxmox ]] && _values 'proxmox verb' enroll unenroll status interfaces
      [[ $words[2] == netmaker ]] && _values 'netmaker verb' list attest leases
      ;;
    third) [[ "$words[2] $words[3]" == 'proxmox interfaces' ]] && _values 'interfaces verb' show apply remove ;;
  esac
}

_ovs-port-agent "$@"
