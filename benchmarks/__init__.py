"""How fast it is: each module measures one thing, beside its peers in the same run. See README.md."""
