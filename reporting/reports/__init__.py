"""Reports: each says what became of a subject, as tables with drawings: on a page, as a file, by mail, by command.

frame.py        what a report is made of, and what every report says of itself
subjects.py     of what it is: a delivery, several, a folder, a unit; and who may see that
kinds.py        all reports by name; a new one is a file here and a line there
single.py       of one delivery: summary, throughput, opens and clicks, failures
engagement.py   of one delivery: by provider, language and hour
comparison.py   several deliveries side by side
roll_ups.py     of a folder or campaign, and of a unit, from what is stored of each delivery
summary.py      the summary of one delivery; summary_views.py prints it and makes it a file
pages.py        the pages of reports; forms.py, what they ask
written.py      a report as the rows of a file, as data, and as plain text
"""
