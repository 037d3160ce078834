"""What a call over HTTP costs: this server beside four others, loaded in turns."""
