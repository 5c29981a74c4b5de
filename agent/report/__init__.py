"""How long andon calls waited: figures from the facts of the andon lane.  Pure."""
