package evo;

public class Inner {
    public long x = 4;
    public String y = "in";
    public int added = 1;

    public Inner() {}
}
