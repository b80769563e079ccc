"""Image sets: an index of raw images, the layouts it is read from, and the views that change what is seen."""
