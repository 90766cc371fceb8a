# usage: status.sh STATUS COMMAND [ARG...]
# Runs a command and fails unless it exits with that status.
want=$1
shift
"$@"
got=$?
[ $got -eq "$want" ] || { echo "status $got, want $want" >&2; exit 1; }
