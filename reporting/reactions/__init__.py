"""What readers did with a delivery.

reactions.py       by link, over time, by hour of the day
click_map.py       the message as it was sealed, with the clicks at each link
reaction_pages.py  the map, the charts, and the tables that say the same
"""
