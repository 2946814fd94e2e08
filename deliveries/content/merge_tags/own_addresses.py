"""The addresses of ours in content, as the renderer fills them: names that no author can write."""

BASE = "{{ _base }}"
SYSTEM_SLOTS = {
    "unsubscribe_url": f"{BASE}/u/{{{{ _u }}}}",
    "mirror_url": f"{BASE}/m/{{{{ _m }}}}",
}
# The same inside of an expression.
SYSTEM_EXPRESSIONS = {"unsubscribe_url": '(_base ~ "/u/" ~ _u)', "mirror_url": '(_base ~ "/m/" ~ _m)'}
