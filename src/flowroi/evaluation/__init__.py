"""What an archive costs the science: measured against the raw movie and its cells, beside other codecs."""
