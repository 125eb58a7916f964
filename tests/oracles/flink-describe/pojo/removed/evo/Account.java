package evo;

public class Account {
    public String id = "acc";
    public int balance = 7;
    public Inner inner = new Inner();

    public Account() {}
}
