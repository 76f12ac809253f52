"""The language server: text and a place in it -> what an editor shows. Only `server` knows the protocol."""
