"""A grocery chain: real tills, and a simulation of everything around them."""
