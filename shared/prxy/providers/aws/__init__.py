"""What every caller of AWS needs: credentials and signatures."""
