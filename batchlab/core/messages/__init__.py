"""What goes in and out of the core: inputs, commands, changes, questions, views."""
