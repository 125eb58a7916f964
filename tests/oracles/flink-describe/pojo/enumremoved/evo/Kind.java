package evo;

public enum Kind {
    A,
    B
}
