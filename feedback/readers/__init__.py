"""Who asked: a person, a machine, or nobody can say. What was asked is kept raw, so that it can be judged anew."""
