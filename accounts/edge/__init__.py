"""The edge of the web: what is done around each request.

middleware.py  policies, time zone, refusals shown and recorded
idle.py        when a session ends by itself
refused.py     what a page does where a rule said no
context.py     what every page's frame shows of the person
"""
