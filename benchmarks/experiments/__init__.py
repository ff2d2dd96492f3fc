"""Questions that were asked once, with what answers them: each file is a program, and says what came out."""
