"""What can go wrong in the lab, as a sentence for the person who started it."""


class LabError(Exception):
    """The lab can't do what was asked; the message says what is wrong and what to do."""
