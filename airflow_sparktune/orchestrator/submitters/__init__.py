"""Studies whose application another operator submits: prepare the study before, collect its result after."""
