"""What the fast results follow from; knows arrays, no files. `helpers` shows what is used."""
