"""The marketers' pages: short functions that find a delivery, call one verb and answer.

- shared.py: find a delivery or answer 404, show a refusal
- actions.py: the action bar, from the table of steps
- listing.py: the list, and what waits for me
- dashboard.py: the dashboard, its live part, the log
- drafting.py: create, edit, audience, schedule, duplicate, delete
- content.py: editor, upload, preview
- preparing.py: prepare, stop it, proofs
- approving.py: approve or reject
- releasing.py: the second step, take back, pause, resume, stop
- series.py: the runs of a recurring delivery
- halting.py: stop all sending, allow it again
"""
