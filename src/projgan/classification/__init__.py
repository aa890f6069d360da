"""A classifier of labelled images: trained here, kept in one file, used to score and to steer."""
