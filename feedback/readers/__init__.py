"""Who asked: a person, a machine, or nobody can say. Raw signs are kept, rules are files, and classes can be made anew."""
