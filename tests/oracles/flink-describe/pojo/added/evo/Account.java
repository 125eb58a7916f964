package evo;

public class Account {
    public String id = "acc";
    public String owner = "owner";
    public long added = 1;
    public int balance = 7;
    public Inner inner = new Inner();

    public Account() {}
}
