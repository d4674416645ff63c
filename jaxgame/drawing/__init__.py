"""How one result looks: pictures (`pictures`, `beliefs`) in one style, and tables for notebooks (`tables`).

Results of all rooms draw themselves through it: it knows arrays and no room, and whoever calls it imports it
when the picture is asked for, so that `import jaxgame` does not wait for Matplotlib.
"""
