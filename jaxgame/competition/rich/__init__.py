"""Rich and correlated signals: the worst of all equilibria, by concave closures on the simplex of beliefs."""
