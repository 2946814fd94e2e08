# Completes the commands of manage.py and their options in bash: source it, or put it in /etc/bash_completion.d/.
_sinete() {
    local python="${SINETE_PYTHON:-.venv/bin/python}"
    COMPREPLY=($(COMP_WORDS="manage.py ${COMP_WORDS[*]:$1}" COMP_CWORD=$((COMP_CWORD - $1 + 1)) DJANGO_AUTO_COMPLETE=1 \
        "$python" manage.py 2>/dev/null))
}
_sinete_by_itself() { _sinete 1; }
_sinete_by_python() {
    [[ ${COMP_WORDS[1]} == *manage.py ]] && _sinete 2 || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _sinete_by_itself manage.py ./manage.py
complete -F _sinete_by_python .venv/bin/python
