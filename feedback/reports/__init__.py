"""What a mail that came back says: bounce, warning, complaint, automatic answer, or none of these.

It reads bytes and answers with a value; it knows no database, and verifies no token. From the bytes to the answer:

- mime.py, charsets.py: a tree of parts, within bounds
- traces.py: the header; fields.py, addresses.py: the fields of reports
- notice.py: the text of a notice, the addresses in it
- rules.py, phrases.py, rules/: the words, as data
- sessions.py: at which step a server refused; verdicts.py: why it failed
- failed.py, complaints.py, answers.py: the kinds of mail
- reading.py: the steps, in their order
"""

from feedback.reports.reading import read
from feedback.reports.report import Kind, Reason, Report, ReportedRecipient
from feedback.reports.rules import BadRules

__all__ = ["BadRules", "Kind", "Reason", "Report", "ReportedRecipient", "read"]
