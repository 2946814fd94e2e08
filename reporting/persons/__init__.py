"""All that is known of one person: where it lives, its timeline, the message as it was sent, and its export."""
