"""Services: what people subscribe to, and leave again.

definitions.py    a service is made and changed, and who may
texts.py          the words by which people are asked: versions, sealed, activated
subscribing.py    who is subscribed, in sets, each change with its row in the consent log
"""
