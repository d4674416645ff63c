"""Market alignment: bounds on the distance to a cone, which measures exclude up to rounding only."""

# On the cone a measure that excludes a column only up to rounding bounds the distance for bounded
# weights alone. The bound charges the excess against this total of w_i |column_i|, relative to |target|.
CONE_REACH = 1e4
