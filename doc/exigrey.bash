# Completion for exigrey: commands, options, their values, and items.  An item
# is completed best within quotes, since it may hold < > : and @.
_exigrey()
{
	local line db word cur=${COMP_WORDS[COMP_CWORD]}
	local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
	local quote=

	case $cur in
	[\"\']*) quote=${cur:0:1} cur=${cur:1} words[COMP_CWORD - 1]=$cur ;;
	esac
	for ((word = 0; word < ${#words[@]} - 1; word++)); do
		case ${words[word]} in
		-d | --database) db=${words[word + 1]} ;;
		esac
	done
	COMPREPLY=()
	while IFS= read -r line; do
		[ -n "$quote" ] || printf -v line %q "$line"
		COMPREPLY+=("$line")
	done < <(exigrey -q ${db:+-d "$db"} complete -- "${words[@]}" 2>/dev/null)
}
complete -o default -F _exigrey exigrey
