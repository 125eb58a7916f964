package evo;

public enum Kind {
    C,
    B,
    A
}
