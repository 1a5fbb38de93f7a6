"""The paper's experiments, repeated on a labelled movie: figures, tables, and whether the paper's statements hold."""
