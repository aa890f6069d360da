"""Damaged and hostile inputs, made by a seed; `trial` judges what a command makes of one."""
