# From the ledger's blocks: per port the time between the event that asked for it and the block that says it is usable.
def milliseconds: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
map(.block) as $blocks
| $blocks[]
| select(.action == "port_attached" or .action == "port_adopted")
| . as $done
| $blocks[$blocks[$done.cause - 1].cause - 1] as $event
| "\($done.data.port): usable \(($done.timestamp | milliseconds) - ($event.timestamp | milliseconds)) ms after \($event.action)"
