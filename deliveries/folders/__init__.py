"""Folders and campaigns: where deliveries lie, and what a campaign should reach.

tree.py      a folder is made, changed, moved, deleted; who may, and no cycles
placing.py   deliveries are put into a folder, or out of it
naming.py    where something lies in words, and the folder that words name
goals.py     the figures that a campaign can have as its goal, which a room above names
"""
