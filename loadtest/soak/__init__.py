"""An hour of traffic: does memory stay, are the numbers right?"""
