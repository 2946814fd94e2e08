"""The forms of pages and desk. They read what people type; the verbs decide."""
