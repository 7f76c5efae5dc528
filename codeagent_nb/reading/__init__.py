"""How the blocks of a model's reply are found, however it writes them; `codeagent_nb.reply.run_policy` decides what runs."""
