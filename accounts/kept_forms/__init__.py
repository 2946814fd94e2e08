"""What somebody typed into a form and posted while signed out: kept, and shown to them again once they are back.

Nothing is ever posted in anybody's name: the page is opened anew, with the form filled in, for its owner to post.
"""
