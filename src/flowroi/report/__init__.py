"""What is told of a result: the report of a compression, and the HTML report of an evaluation."""
