"""Which camera each tile shows, through cuts and changes of layout; never by the face."""
