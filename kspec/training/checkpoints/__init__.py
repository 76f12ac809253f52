"""What a training needs to go on where it was broken off, bit by bit: taken, kept, checked and given back."""
