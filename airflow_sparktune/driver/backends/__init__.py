"""Run trials in slots: one file per place where they can run."""
