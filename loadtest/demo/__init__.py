"""The whole line once, in front of somebody who watches."""
