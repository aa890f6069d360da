"""Plug & Play Generative Networks (Nguyen et al. 2017): features to images, steered by a classifier."""
