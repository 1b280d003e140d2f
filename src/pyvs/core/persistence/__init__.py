"""Which flows go together beyond their client's address: persistence engines, by the name `--pe` takes."""
