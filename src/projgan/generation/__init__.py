"""Seeds and conditions to images: sampling, morphing, rejection, their requests and their files."""
